"""One party: its call and leg, its member in the room, notifications, and outgoing calls to it."""
