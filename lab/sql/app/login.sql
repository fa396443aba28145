-- Open a session for a user
INSERT INTO sessions (user_id, token, created_at, expires_at)
VALUES (:user, gen_random_uuid(), now(), now() + interval '1 day')
RETURNING id, token, expires_at
