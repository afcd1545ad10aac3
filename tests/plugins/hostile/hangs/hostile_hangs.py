"""Hangs as soon as it is imported."""

import time

while True:
    time.sleep(0.01)
