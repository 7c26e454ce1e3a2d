"""Small scopes, explored to the end: every plan within bounds, breadth first, and a certificate of what was seen."""
