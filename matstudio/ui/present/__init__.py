"""What each part of the window shows, worked out from `Live`; no Qt widget here."""
