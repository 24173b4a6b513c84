"""Worker processes and the clients that command them; the pace of their ticks."""
