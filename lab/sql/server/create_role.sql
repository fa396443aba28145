-- A role that can log in; its password arrives as a SCRAM verifier, so that the log can never hold it
CREATE ROLE {role} LOGIN PASSWORD {verifier};
