"""The shop of shop.py after a hasty change: version 1 counted in whole euros, and nobody thought of that.

Try it: refold verify --application shop_hasty.py:Shop --history shop-1.jsonl
"""

from __future__ import annotations

from typing import Any

import shop


class Shop(shop.Shop):
    """Takes the old price for cents."""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        """The unit is forgotten."""
        if type_name == "ItemAdded":
            return "Added", {"cart": data["cart"], "count": 1, "cents": data["price"]}
        return type_name, data
