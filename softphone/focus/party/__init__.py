"""One party: its call and leg, who keeps it, what it is told, how it is rung and called in."""
