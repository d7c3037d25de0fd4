"""The tools that a brain can call in one turn. Their effects are values; code applies them after the turn."""
