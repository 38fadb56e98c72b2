DROP TABLE IF EXISTS auth_api_keys;
