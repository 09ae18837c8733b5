"""What the bytes of an archive prove. Standard library and `cryptography` only.

The formats are written down, byte for byte, in docs/formats.md.
"""
