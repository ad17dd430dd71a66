"""The grammar of Gemini Live: what is set up, what is sent, what comes back (docs/endpoints/gemini-live.md)."""
