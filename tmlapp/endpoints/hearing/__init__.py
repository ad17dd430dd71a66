"""How a local model hears: voice activity, a closed grammar of instructions, and when it does not believe its ears."""
