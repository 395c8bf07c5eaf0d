"""Playlists."""

from __future__ import annotations

from tests.service.recipes.registry import ANY, Call, recipe, row_recipes
from tests.service.world import World, unique

row_recipes("/playlists/", "playlist_id", World.playlist, {"name": "better"})


@recipe("POST /playlists/")
def _(world: World) -> Call:
    asset = world.asset()
    media_ids = [world.picture(asset)["id"]]
    return Call("/playlists/", {"project_id": asset["project_id"], "name": unique(), "media_ids": media_ids})


@recipe("PUT /playlists/<uuid:playlist_id>/items")
def _(world: World) -> Call:
    return Call(f"/playlists/{world.playlist()['id']}/items", {"media_ids": [world.medium()["id"]]}, ANY)


@recipe("POST /playlists/<uuid:playlist_id>/items")
def _(world: World) -> Call:
    return Call(f"/playlists/{world.playlist()['id']}/items", {"media_ids": [world.medium()["id"]]})


@recipe("POST /playlists/<uuid:playlist_id>/take-newer")
def _(world: World) -> Call:
    playlist = world.outdated_playlist()
    return Call(f"/playlists/{playlist['id']}/take-newer", {"media_ids": [playlist["items"][0]["media_id"]]})


@recipe("GET /playlists/<uuid:playlist_id>/zip")
def _(world: World) -> Call:
    return Call(f"/playlists/{world.playlist()['id']}/zip")


@recipe("GET /playlists/<uuid:playlist_id>/film-plan")
def _(world: World) -> Call:
    return Call(f"/playlists/{world.playlist()['id']}/film-plan")


@recipe("GET /playlists/<uuid:playlist_id>/films")
def _(world: World) -> Call:
    return Call(f"/playlists/{world.playlist()['id']}/films")


@recipe("POST /playlists/<uuid:playlist_id>/films")
def _(world: World) -> Call:
    return Call(f"/playlists/{world.playlist()['id']}/films", {})


@recipe("GET /playlists/<uuid:playlist_id>/links")
def _(world: World) -> Call:
    return Call(f"/playlists/{world.guest_link()['playlist_id']}/links")


@recipe("POST /playlists/<uuid:playlist_id>/links")
def _(world: World) -> Call:
    return Call(f"/playlists/{world.playlist(for_client=True)['id']}/links", {"label": unique(), "password": "open"})


@recipe("DELETE /playlists/<uuid:playlist_id>/links/<uuid:link_id>")
def _(world: World) -> Call:
    link = world.guest_link()
    return Call(f"/playlists/{link['playlist_id']}/links/{link['id']}")


@recipe("GET /playlist-films/<uuid:film_id>")
def _(world: World) -> Call:
    return Call(f"/playlist-films/{world.playlist_film()['id']}")


@recipe("POST /playlist-films/<uuid:film_id>/cancel")
def _(world: World) -> Call:
    return Call(f"/playlist-films/{world.playlist_film()['id']}/cancel", {})


@recipe("GET /playlist-films/<uuid:film_id>/file")
def _(world: World) -> Call:
    return Call(f"/playlist-films/{world.playlist_film()['id']}/file", refuses=True)
