//! How the host lays out RAM, and formats of dumps.
