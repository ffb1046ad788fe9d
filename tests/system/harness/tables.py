"""Table documents."""


def endpoints(*places):
    """One version; a place is a Demo, a Fake, or a URL."""
    return {"endpoints": [place if isinstance(place, str) else place.url for place in places]}


def function(versions, aliases=None):
    """versions: name to a place, a list of places, or a whole version object. aliases: name to weights or to a whole alias object."""
    out = {"versions": {}}
    for name, value in versions.items():
        if not isinstance(value, dict):
            value = endpoints(*(value if isinstance(value, (list, tuple)) else [value]))
        out["versions"][name] = value
    if aliases:
        out["aliases"] = {n: v if "weights" in v else {"weights": v} for n, v in aliases.items()}
    return out


def route(path="/", function="hello", qualifier=None, **more):
    out = {"path": path, "function": function, **more}
    if qualifier is not None:
        out["qualifier"] = qualifier
    return out


def table(functions, routes=()):
    return {"functions": functions, "routes": list(routes)}


def one(place, **version):
    """Function hello whose only version, 1, gets every request."""
    return table(
        {"hello": function({"1": {**endpoints(*(place if isinstance(place, list) else [place])), **version}})},
        [route(qualifier="1")],
    )


def split(places, weights, **alias):
    """Function hello with an alias live over versions, which gets every request."""
    return table(
        {"hello": function(places, {"live": {"weights": weights, **alias}})},
        [route(qualifier="live")],
    )
