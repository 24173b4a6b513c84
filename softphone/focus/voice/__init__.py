"""What can be said and played: prompts in line, numbers, names, sounds that users bring."""
