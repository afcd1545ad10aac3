"""MatStudio: a live console for materials that change under the beam."""

__version__ = "0.1.0"
