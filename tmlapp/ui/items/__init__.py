"""The Items workspace: record TimeSpeak and CueSpeak items, set their windows, try and export them."""
