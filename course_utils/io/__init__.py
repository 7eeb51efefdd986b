"""Pictures and names in: downloads, images, ImageNet's classes."""
