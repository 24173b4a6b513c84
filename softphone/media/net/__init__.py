"""UDP ports of a worker: batches of datagrams in and out, ranges of ports, addresses."""
