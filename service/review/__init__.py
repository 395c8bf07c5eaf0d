"""What people make of pictures: playlists, comments with drawings, orders that clients accept or send back."""
