"""A virtual sound card for tests: a private PulseAudio with a microphone, a loudspeaker."""
