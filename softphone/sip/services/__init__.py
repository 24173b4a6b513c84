"""What lasts beside calls: registrations, subscriptions, proofs of who somebody is."""
