"""The grammar of OpenAI's GPT-Live: what is asked for, what is delegated, one connection."""
