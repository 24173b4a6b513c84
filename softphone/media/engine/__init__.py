"""The media engine of a worker: legs as columns, the path of a packet, the tick, playbacks and recordings."""
