-- A database of a holder's own: the horizon of one is none of another's
CREATE DATABASE {database}
