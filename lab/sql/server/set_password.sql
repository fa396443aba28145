-- A new password, as a SCRAM verifier
ALTER ROLE {role} LOGIN PASSWORD {verifier};
