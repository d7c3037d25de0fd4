"""From persona, memory and thread to one prompt. Pure."""
