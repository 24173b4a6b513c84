"""One call leg, as a server and an agent see it: what was agreed, whose packets are taken, which keys were pressed."""
