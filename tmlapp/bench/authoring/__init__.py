"""Making items of TimeSpeak and CueSpeak: the state of a set, commands that change it, and what a take is made of."""
