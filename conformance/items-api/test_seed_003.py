"""The requests of "Multi-tenant data isolation in PostgreSQL" and its exact JSON, then what anybody
would try next."""

import door
import pytest

TENANT = "7a245486-3fc8-47ec-b303-04fefe7a58ff"
OTHER = "162be16f-f76d-431a-a213-171838ded9ae"
ITEMS = [
    {"id": "997d0bee-351f-4b09-9dd3-2289da1ce0ba", "title": "art-fair", "tenant_id": TENANT},
    {"id": "bab62059-b702-442e-a053-7e4690d5510b", "title": "bench", "tenant_id": TENANT},
    {"id": "1bfa0393-0f74-4824-b234-052e49511a5c", "title": "concert", "tenant_id": TENANT},
    {
        "id": "1b94d748-6241-410c-95f5-015105316f27",
        "title": "drinking-fountain",
        "tenant_id": TENANT,
    },
    {"id": "de5de5ab-abdd-499a-95a6-00f8c7b7130a", "title": "emergency-kit", "tenant_id": TENANT},
]
TENANTS = [{"id": TENANT, "name": "pawnee-parks-and-rec", "items": ITEMS}]


def named(tenant):
    return {"X-tenant-id": tenant}


def bearer(tenant):
    return {"Authorization": f"Bearer {door.token(tenant)}"}


@pytest.mark.parametrize("path, expected", [("/items/", ITEMS), ("/tenants/", TENANTS)])
def test_the_document(dev, path, expected):
    assert dev.ask("GET", path, named(TENANT)) == (200, expected)


@pytest.mark.parametrize("path, expected", [("/items/", ITEMS), ("/tenants/", TENANTS)])
def test_by_token(api, path, expected):
    assert api.ask("GET", path, bearer(TENANT)) == (200, expected)


@pytest.mark.parametrize("name", ["dev", "api"])
def test_an_items_life(request, name):
    service, prove = request.getfixturevalue(name), named if name == "dev" else bearer
    own, other = prove(TENANT), prove(OTHER)
    status, made = service.ask("POST", "/items/", own, {"title": "fountain-pen"})
    path = f"/items/{made['id']}"
    try:
        assert (status, made["title"], made["tenant_id"]) == (201, "fountain-pen", TENANT)
        assert service.ask("GET", path, own) == (200, made)
        for method in ("GET", "DELETE"):
            assert service.ask(method, path, other)[0] == 404
        assert made not in service.ask("GET", "/items/", other)[1]
    finally:
        assert service.ask("DELETE", path, own) == (204, None)
    assert service.ask("GET", "/items/", own) == (200, ITEMS)


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 401),
        (named(TENANT), 401),
        ({"Authorization": "Bearer x.y.z"}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
    ],
)
def test_nobody_has_proven_who_asks(api, headers, status):
    found, body = api.ask("GET", "/items/", headers)
    assert found in (status, 403) and body["detail"]


def test_a_header_beside_a_token_counts_for_nothing(api):
    assert api.ask("GET", "/items/", bearer(TENANT) | named(OTHER)) == (200, ITEMS)
