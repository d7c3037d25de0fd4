"""What the tests share: real parts, doubles at the ports, and values to speak of."""
