"""What a brain may do in one turn. Effects are values; code applies them after the turn."""
