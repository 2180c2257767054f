/** A face's ids: the same value as ours in another form. */
export { idOfShort, idOfUuid, messageIdIn, shortOf, uuidOf } from '../../base/id-forms.ts';
