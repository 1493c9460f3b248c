"""Routes of conversations: sessions, stored responses, and requests that are being answered."""
