"""Media: batched UDP, RTP and RTCP as arrays, the 20 ms tick, and the worker process that owns them."""
