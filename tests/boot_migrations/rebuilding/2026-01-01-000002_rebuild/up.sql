PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_parents` (`id` BIGINT PRIMARY KEY NOT NULL, `name` TEXT);--> statement-breakpoint
INSERT INTO `__new_parents` (`id`) SELECT `id` FROM `parents`;--> statement-breakpoint
DROP TABLE `parents`;--> statement-breakpoint
ALTER TABLE `__new_parents` RENAME TO `parents`;--> statement-breakpoint
PRAGMA foreign_keys=ON;
