"""What the events of a stream mean for the queue and for memory."""
