"""Audio of all bots at once: rows of arrays, a few system calls per step, no Python per bot and packet."""
