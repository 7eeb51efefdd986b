"""The exercise sheets. Each is a module that `cu.check` imports, and the source of two notebooks."""
