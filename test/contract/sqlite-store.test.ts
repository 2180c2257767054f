import { openTestStore } from '../harness/sqlite-store.ts';
import { storeContract } from './store.ts';

storeContract('the SQLite store', () => openTestStore());
