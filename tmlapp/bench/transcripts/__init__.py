"""Transcripts: who wrote down what was heard, with the time of each word."""
