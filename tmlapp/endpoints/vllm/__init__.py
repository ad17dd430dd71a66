"""The duplex dialect of vLLM-Omni, on the codec of the OpenAI family."""
