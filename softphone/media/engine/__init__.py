"""What a worker does: legs as columns, the way of a packet, the 20 ms tick, playbacks and recordings."""
