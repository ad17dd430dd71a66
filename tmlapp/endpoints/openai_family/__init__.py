"""The grammar that OpenAI's Realtime interface, its beta and its relatives share: one codec, with profiles."""
