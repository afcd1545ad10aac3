"""From three estimates to one material state."""
