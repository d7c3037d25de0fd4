"""Everything between a stream and storage: what events change in the queue and in memory."""
