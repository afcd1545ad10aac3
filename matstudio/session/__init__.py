"""The session file: its layout, its reader, and what makes one that a crash left open plainly again."""
