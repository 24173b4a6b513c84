"""Playback: the queue of prompts, spoken numbers and names, uploaded sounds."""
