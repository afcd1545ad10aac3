"""The words of MatStudio: frozen values, units and clocks. No Qt, no torch, no I/O."""
