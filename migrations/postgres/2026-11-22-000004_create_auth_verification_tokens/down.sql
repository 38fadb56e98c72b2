DROP TABLE IF EXISTS auth_verification_tokens;
