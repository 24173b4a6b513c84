"""What comes from outside by SIP: callers, proved, asked for codes and led to a room; watchers of a roster."""
