"""Who is calling, and what it may see and do."""
